import { useCallback, useEffect, useMemo, useState } from "react";
import type { Editor } from "../core/editor";
import { dispatchKey } from "../core/keys";
import type { Stage } from "../core/stage";
import { editorBindings } from "./bindings";
import { EffectsPanel } from "./EffectsPanel";
import { ExportDialog } from "./ExportDialog";
import { HelpDialog } from "./HelpDialog";
import { WorkbenchContext } from "./hooks";
import { Icon } from "./Icon";
import { ImportDialog } from "./ImportDialog";
import { ObjectPanel } from "./ObjectPanel";
import { StageView } from "./StageView";
import { Timeline } from "./Timeline";
import { ToolRail } from "./ToolRail";
import { TopBar } from "./TopBar";
import { Transport } from "./Transport";
import { useFileDrop } from "./useFileDrop";

type Sheet = "export" | "help" | "import" | null;
const NO_FILES: readonly File[] = [];

/** The whole editor: bars, tools, stage, objects and timeline around one media item. */
export function EditorView({ editor }: { readonly editor: Editor }) {
  const [stage, setStage] = useState<Stage | null>(null);
  const [sheet, setSheet] = useState<Sheet>(null);
  /** On narrow screens the object list comes over the stage when asked for. */
  const [listOpen, setListOpen] = useState(false);
  const workbench = useMemo(() => ({ editor, stage }), [editor, stage]);
  const [dropped, setDropped] = useState(NO_FILES);
  const importMasks = useCallback((files: readonly File[] = NO_FILES) => {
    setDropped(files);
    setSheet("import");
  }, []);
  const takeDrop = useCallback((transfer: DataTransfer) => importMasks([...transfer.files]), [importMasks]);
  const dropping = useFileDrop(takeDrop);
  const closeSheet = useCallback(() => setSheet(null), []);

  const bindings = useMemo(
    () =>
      editorBindings(editor, stage, {
        help: () => setSheet("help"),
        exportMasks: () => setSheet("export"),
        importMasks,
      }),
    [editor, stage, importMasks],
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
        <ObjectPanel open={listOpen} onImport={() => importMasks()}>
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
      {sheet === "import" && <ImportDialog files={dropped} onClose={closeSheet} />}
      {dropping && (
        <div className="drop-cover">
          <Icon name="import" size={40} />
          Drop to import masks
        </div>
      )}
      {sheet === "help" && <HelpDialog bindings={bindings} onClose={closeSheet} />}
    </WorkbenchContext>
  );
}
