import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = process.env.MASKLET_SERVER ?? "http://127.0.0.1:8802";

export default defineConfig({
  // Relative addresses, so that the page also works below a path of a reverse proxy.
  base: "./",
  plugins: [react()],
  build: {
    outDir: "../src/masklet/server/page",
    emptyOutDir: true,
    // What the licences of the bundled packages ask for.
    license: { fileName: "licenses.md" },
    // Browsers of summer 2024: light-dark() and iterator helpers as they are.
    target: ["chrome125", "firefox128", "safari17.5"],
    // No data: addresses for scripts and styles: the content security policy allows them for pictures only.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/api": { target: server, ws: true } } },
  test: { environment: "happy-dom", include: ["tests/**/*.test.{ts,tsx}"] },
});
