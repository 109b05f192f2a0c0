// A button beside each command that puts it on the clipboard; shown only where the browser allows it.
import { t } from "./texts";

export function copyButtons(): void {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const text = button.parentElement?.querySelector("pre")?.textContent ?? "";
      void navigator.clipboard.writeText(text).then(() => {
        button.textContent = t("Copied");
      });
    });
  }
}
