// Sign-in links carry the key behind '#': that part of an address never reaches a server or its log.
import { t } from "./texts";

export function signIn(): void {
  const form = document.querySelector<HTMLFormElement>("form[data-sign-in]");
  const key = new URLSearchParams(location.hash.slice(1)).get("key");
  if (!form || !key) return;
  // Before anything else, so that neither history nor a shared screen keeps it.
  history.replaceState(null, "", location.pathname + location.search);
  const input = form.elements.namedItem("key");
  if (!(input instanceof HTMLInputElement)) return;
  input.value = key;
  const status = form.querySelector("[data-sign-in-status]");
  if (status) status.textContent = t("Signing in…");
  form.submit();
}
