// Push events from standard input; print the verdicts. Exit 1 where one was rejected, 2 where nothing was taken.
//
//	AVENUE_URL=https://gw.example.com AVENUE_KEY=avk_… ./push < events.json    (after: go build push.go)
//
// With a secret instead of a key: AVENUE_ACCOUNT=my-account AVENUE_SECRET=whsec_…
package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const attempts = 5

var key = os.Getenv("AVENUE_KEY")

func main() {
	body, err := io.ReadAll(os.Stdin)
	if err != nil {
		fail(err.Error())
	}
	random := make([]byte, 16)
	if _, err := rand.Read(random); err != nil {
		fail(err.Error())
	}
	id := "push-" + hex.EncodeToString(random) // the same over all attempts
	client := &http.Client{Timeout: 30 * time.Second}
	for attempt := 1; ; attempt++ {
		wait, status, told := 1<<attempt, 0, ""
		answer, err := client.Do(request(id, body))
		if err != nil {
			told = err.Error()
		} else {
			text, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			status, told = answer.StatusCode, string(text)
			if asked, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil {
				wait = asked
			}
		}
		if status == 200 {
			fmt.Println(told)
			var verdicts struct{ Rejected int }
			if json.Unmarshal([]byte(told), &verdicts) != nil || verdicts.Rejected > 0 {
				os.Exit(1)
			}
			return
		}
		if attempt == attempts || (status != 0 && status != 429 && status != 503) {
			fail(told)
		}
		time.Sleep(time.Duration(wait) * time.Second) // sending again is harmless: the same event_id is one event
	}
}

func request(id string, body []byte) *http.Request {
	address := os.Getenv("AVENUE_URL") + "/v1/events"
	if key == "" {
		address += "?account=" + os.Getenv("AVENUE_ACCOUNT")
	}
	made, err := http.NewRequest("POST", address, bytes.NewReader(body))
	if err != nil {
		fail(err.Error())
	}
	made.Header.Set("Content-Type", "application/json")
	if key != "" {
		made.Header.Set("Authorization", "Bearer "+key)
		return made
	}
	secret, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("AVENUE_SECRET"), "whsec_"))
	if err != nil {
		fail("AVENUE_SECRET is not whsec_ and Base64")
	}
	at := strconv.FormatInt(time.Now().Unix(), 10) // each attempt's own
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(id + "." + at + "."))
	mac.Write(body)
	made.Header.Set("webhook-id", id)
	made.Header.Set("webhook-timestamp", at)
	made.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return made
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(2)
}
