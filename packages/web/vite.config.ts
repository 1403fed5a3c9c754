import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const house = process.env["MILLRACE_URL"] ?? "http://127.0.0.1:7420";

/** The app talks to its own origin only; in development the house stands behind the same port. */
export default defineConfig(({ command }) => ({
  plugins: [react()],
  // The gateway writes one of its own into every page that it serves, in place of this word.
  html: command === "build" ? { cspNonce: "MILLRACE_NONCE" } : {},
  build: {
    target: "es2022",
    // No part of the page may be inline: its policy forbids it.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // Said by the bench of the app, not at every start of a house.
    reportCompressedSize: false,
  },
  server: { proxy: { "/api": { target: house, changeOrigin: false }, "/t": { target: house, changeOrigin: false } } },
}));
