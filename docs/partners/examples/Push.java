import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.UUID;
import java.util.regex.Pattern;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Push events from standard input; print the verdicts. Exit 1 where one was rejected, 2 where nothing was taken.
 * AVENUE_URL=https://gw.example.com AVENUE_KEY=avk_… java Push.java < events.json
 * With a secret instead of a key: AVENUE_ACCOUNT=my-account AVENUE_SECRET=whsec_…
 */
public class Push {
    static final int ATTEMPTS = 5;
    static final String KEY = System.getenv("AVENUE_KEY");
    static final String ID = "push-" + UUID.randomUUID(); // the same over all attempts

    public static void main(String[] arguments) throws Exception {
        byte[] body = System.in.readAllBytes();
        HttpClient client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(10)).build();
        for (int attempt = 1; ; attempt++) {
            long wait = 1L << attempt;
            String told;
            int status = 0;
            try {
                HttpResponse<String> answer = client.send(request(body), HttpResponse.BodyHandlers.ofString());
                told = answer.body();
                status = answer.statusCode();
                wait = answer.headers().firstValueAsLong("retry-after").orElse(wait);
            } catch (IOException error) {
                told = error.toString();
            }
            if (status == 200) {
                System.out.println(told);
                System.exit(Pattern.compile("\"rejected\":\\s*0[,}]").matcher(told).find() ? 0 : 1);
            }
            if (attempt == ATTEMPTS || (status != 0 && status != 429 && status != 503)) {
                System.err.println(told);
                System.exit(2);
            }
            Thread.sleep(1000 * wait); // sending again is harmless: the same event_id is one event
        }
    }

    static HttpRequest request(byte[] body) throws Exception {
        String query = KEY != null ? "" : "?account=" + System.getenv("AVENUE_ACCOUNT");
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(System.getenv("AVENUE_URL") + "/v1/events" + query))
            .timeout(Duration.ofSeconds(30))
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofByteArray(body));
        if (KEY != null) {
            return request.header("Authorization", "Bearer " + KEY).build();
        }
        String at = String.valueOf(Instant.now().getEpochSecond()); // each attempt's own
        Mac mac = Mac.getInstance("HmacSHA256");
        byte[] key = Base64.getDecoder().decode(System.getenv("AVENUE_SECRET").replaceFirst("^whsec_", ""));
        mac.init(new SecretKeySpec(key, "HmacSHA256"));
        mac.update((ID + "." + at + ".").getBytes());
        String signature = Base64.getEncoder().encodeToString(mac.doFinal(body));
        return request.header("webhook-id", ID).header("webhook-timestamp", at)
            .header("webhook-signature", "v1," + signature).build();
    }
}
