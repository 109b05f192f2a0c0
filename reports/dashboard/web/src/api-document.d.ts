/** What the server hands to the API page. */
export interface ApiPage {
  /** The trials that the reader may see. */
  readonly trials: readonly string[];
  readonly words: Readonly<Record<string, string>>;
}

export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly schema: { enum?: readonly string[] } }[];
}
