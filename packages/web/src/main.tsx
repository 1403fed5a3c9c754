import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import "./app/nonce.ts";
import "./app/tokens.css";
import "./app/base.css";
import "./ui/ui.css";
import { App } from "./app/app.tsx";

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
