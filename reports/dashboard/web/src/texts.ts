// What the script says, in the page's language: the server hands over the translations of SCRIPT_TEXTS.

interface ScriptData {
  readonly lang: string;
  readonly texts: Readonly<Record<string, string>>;
}

const given = JSON.parse(document.getElementById("script-data")?.textContent ?? "{}") as Partial<ScriptData>;

export const language: string = given.lang ?? "zh";

/** Returns *message* in the page's language. */
export function t(message: string): string {
  return given.texts?.[message] ?? message;
}

/** Returns a whole number in groups of three, as the server writes it. */
export function whole(value: number): string {
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, ",");
}
