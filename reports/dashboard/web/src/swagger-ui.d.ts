declare module "swagger-ui-dist/swagger-ui-es-bundle.js" {
  /** Draws the page; it has no types of its own. */
  export default function SwaggerUI(options: Readonly<Record<string, unknown>>): unknown;
}
