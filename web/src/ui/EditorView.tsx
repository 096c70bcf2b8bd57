import { useCallback, useEffect, useMemo, useState } from "react";
import type { Editor } from "../core/editor";
import { dispatchKey } from "../core/keys";
import type { Stage } from "../core/stage";
import { editorBindings } from "./bindings";
import { EffectsPanel } from "./EffectsPanel";
import { ExportDialog } from "./ExportDialog";
import { HelpDialog } from "./HelpDialog";
import { WorkbenchContext } from "./hooks";
import { ObjectPanel } from "./ObjectPanel";
import { StageView } from "./StageView";
import { Timeline } from "./Timeline";
import { ToolRail } from "./ToolRail";
import { TopBar } from "./TopBar";
import { Transport } from "./Transport";

type Sheet = "export" | "help" | null;

/** The whole editor: bars, tools, stage, objects and timeline around one media item. */
export function EditorView({ editor }: { readonly editor: Editor }) {
  const [stage, setStage] = useState<Stage | null>(null);
  const [sheet, setSheet] = useState<Sheet>(null);
  /** On narrow screens the object list comes over the stage when asked for. */
  const [listOpen, setListOpen] = useState(false);
  const workbench = useMemo(() => ({ editor, stage }), [editor, stage]);
  const closeSheet = useCallback(() => setSheet(null), []);

  const bindings = useMemo(
    () =>
      editorBindings(editor, stage, {
        help: () => setSheet("help"),
        exportMasks: () => setSheet("export"),
      }),
    [editor, stage],
  );
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => dispatchKey(bindings, event);
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [bindings]);

  return (
    <WorkbenchContext value={workbench}>
      <div className={`editor ${editor.media.frames === 1 ? "still" : ""}`}>
        <TopBar
          listOpen={listOpen}
          onList={() => setListOpen(!listOpen)}
          onExport={() => setSheet("export")}
          onHelp={() => setSheet("help")}
        />
        <ToolRail />
        <StageView onStage={setStage} />
        <ObjectPanel open={listOpen}>
          <EffectsPanel />
        </ObjectPanel>
        {editor.media.frames > 1 && (
          <footer className="bottom">
            <Transport />
            <Timeline />
          </footer>
        )}
      </div>
      {sheet === "export" && <ExportDialog onClose={closeSheet} />}
      {sheet === "help" && <HelpDialog bindings={bindings} onClose={closeSheet} />}
    </WorkbenchContext>
  );
}
