import type { Tool } from "../core/tools";
import { IconButton } from "./controls";
import { useSelect, useWorkbench } from "./hooks";
import type { IconName } from "./Icon";

const TOOLS: readonly { tool: Tool; icon: IconName; label: string; keys: string }[] = [
  { tool: "click", icon: "click", label: "Click", keys: "c" },
  { tool: "box", icon: "box", label: "Box", keys: "b" },
  { tool: "lasso", icon: "lasso", label: "Lasso", keys: "l" },
  { tool: "brush", icon: "brush", label: "Brush", keys: "p" },
  { tool: "eraser", icon: "eraser", label: "Eraser", keys: "e" },
  { tool: "hand", icon: "hand", label: "Move the picture", keys: "h" },
];

export function ToolRail() {
  const { editor } = useWorkbench();
  const chosen = useSelect(editor.settings, (settings) => settings.tool);
  return (
    <section className="rail" aria-label="Tools">
      <div className="rail-tools" role="toolbar" aria-label="Tools">
        {TOOLS.map(({ tool, icon, label, keys }) => (
          <IconButton
            key={tool}
            icon={icon}
            label={label}
            keys={keys}
            pressed={tool === chosen}
            onClick={() => editor.settings.patch({ tool })}
          />
        ))}
      </div>
    </section>
  );
}
