import { createRoot } from "react-dom/client";
import { App } from "./ui/App";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/gallery.css";
import "./styles/source.css";
import "./styles/editor.css";
import "./styles/effects.css";
import "./styles/timeline.css";

const root = document.getElementById("root");
if (root === null) throw new Error("the page has no element #root");
createRoot(root).render(<App />);
