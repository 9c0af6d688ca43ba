import preact from "@preact/preset-vite";
import { defineConfig } from "vitest/config";

// `npm run dev` serves the sources, and asks this server for everything else.
const SERVER = process.env["NEXA_URL"] ?? "http://127.0.0.1:8000";

export default defineConfig({
  base: "./",
  plugins: [preact({ devToolsEnabled: false, prefreshEnabled: false })],
  build: {
    outDir: "built",
    emptyOutDir: true,
    assetsDir: "web",
    assetsInlineLimit: 0, // the page's policy allows no data in styles
    modulePreload: { polyfill: false },
    target: "es2022",
    sourcemap: false,
    reportCompressedSize: false,
  },
  server: { proxy: { "/v1": SERVER, "/health": SERVER } },
  test: {
    environment: "happy-dom",
    css: true,
    include: ["src/**/*.test.ts", "src/**/*.test.tsx"],
    setupFiles: ["src/test_setup.ts"],
  },
});
