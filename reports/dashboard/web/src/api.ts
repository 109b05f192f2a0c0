// The API page: Swagger UI over this server's own document. Nothing of it asks any other address.
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";

import type { ApiPage, OpenApi } from "./api-document";

const page = JSON.parse(document.getElementById("api-data")?.textContent ?? "{}") as ApiPage;
const target = document.getElementById("api");

/** Offers the reader's own trials where a path asks for one. */
function withOwnTrials(api: OpenApi): OpenApi {
  for (const path of Object.values(api.paths)) {
    for (const operation of Object.values(path)) {
      for (const parameter of operation.parameters ?? []) {
        if (parameter.name === "trial_id" && page.trials.length > 0) parameter.schema.enum = page.trials;
      }
    }
  }
  return api;
}

/** Says the library's own words in the page's language: it has them in English only. */
function translate(root: Node): void {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const said = page.words[node.nodeValue?.trim() ?? ""];
    if (said !== undefined && said !== node.nodeValue && node.parentElement?.closest("code, pre, .markdown") === null) {
      node.nodeValue = said;
    }
  }
}

/** A heading's level under this page's own first one. */
const LEVELS: Readonly<Record<string, string>> = { H3: "2", H4: "3", H5: "4" };

/** Says to a screen reader and to the keyboard what the library leaves out. */
function mend(root: HTMLElement): void {
  translate(root);
  // Tables that call themselves parts of the page, and all by one name.
  for (const table of root.querySelectorAll("table[role=region]")) table.removeAttribute("role");
  for (const heading of root.querySelectorAll("h3, h4, h5")) {
    const level = LEVELS[heading.tagName];
    if (level !== undefined && heading.getAttribute("aria-level") !== level) heading.setAttribute("aria-level", level);
  }
  for (const block of root.querySelectorAll("pre:not([tabindex]), .microlight:not([tabindex])")) {
    block.setAttribute("tabindex", "0");
  }
  for (const field of root.querySelectorAll(".parameters-col_description :is(input, select, textarea):not([aria-label])")) {
    const name = field.closest("tr")?.getAttribute("data-param-name");
    if (name) field.setAttribute("aria-label", name);
  }
}

/** What the plugin below needs of the library. */
interface System {
  readonly React: { createElement(type: unknown, properties: unknown, ...children: unknown[]): unknown };
}
interface LayoutProperties {
  getComponent(name: string, container?: boolean): unknown;
}

/** The key and the operations alone: the library's own layout has a head and a main part, and so has this page. */
function ownLayout(system: System): unknown {
  const h = system.React.createElement;
  const Layout = ({ getComponent }: LayoutProperties): unknown =>
    h(
      "div",
      { className: "swagger-ui" },
      h(getComponent("SvgAssets"), null),
      h(getComponent("SchemesContainer", true), null),
      h(getComponent("errors", true), null),
      h(getComponent("operations", true), null),
    );
  return { components: { PartLayout: Layout } };
}

async function show(root: HTMLElement): Promise<void> {
  const answer = await fetch("/openapi.json");
  new MutationObserver(() => mend(root)).observe(root, { childList: true, subtree: true });
  SwaggerUI({
    domNode: root,
    spec: withOwnTrials((await answer.json()) as OpenApi),
    plugins: [ownLayout],
    layout: "PartLayout",
    // Only what reads can be tried: a push belongs to its sender, and would count.
    supportedSubmitMethods: ["get"],
    validatorUrl: null,
    queryConfigEnabled: false,
    persistAuthorization: false,
    // The highlighter's colours are faint on both grounds, and a link inside a button is nobody's to reach.
    syntaxHighlight: false,
    deepLinking: false,
    docExpansion: "list",
    defaultModelsExpandDepth: -1,
    displayRequestDuration: true,
    onComplete: () => root.setAttribute("data-ready", ""),
  });
}

if (target) void show(target);
