// A form is sent once, however often its button is pressed: an answer may take seconds, and a second press would break
// off the first.

export function forms(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (form.method !== "post") return;
    if (form.dataset["sent"]) event.preventDefault();
    form.dataset["sent"] = "1";
    if (event.submitter) event.submitter.setAttribute("aria-busy", "true");
  });
  // The page may come back as it was left, by the browser's back button.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll<HTMLFormElement>("form[data-sent]")) {
      delete form.dataset["sent"];
      form.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
    }
  });
}
