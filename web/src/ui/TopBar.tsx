import { IconButton } from "./controls";
import { formatTime } from "./format";
import { useSelect, useWorkbench } from "./hooks";
import { Icon } from "./Icon";
import { ThemeButton } from "./ThemeButton";

interface TopBarProps {
  readonly listOpen: boolean;
  onList(): void;
  onExport(): void;
  onHelp(): void;
}

const CONNECTION = { connecting: "Connecting", open: "Saved", waiting: "No connection", closed: "Closed" };

export function TopBar({ listOpen, onList, onExport, onHelp }: TopBarProps) {
  const { editor } = useWorkbench();
  const { media } = editor;
  const canUndo = useSelect(editor.state, (state) => state.canUndo);
  const canRedo = useSelect(editor.state, (state) => state.canRedo);
  const connection = useSelect(editor.state, (state) => state.connection);
  const count = useSelect(editor.state, (state) => state.objects.length);
  const open = connection === "open";
  return (
    <header className="top">
      <a className="button icon-only" href="#/" aria-label="All media" title="All media">
        <Icon name="back" />
      </a>
      <div className="title">
        <h1 title={media.name}>{media.name}</h1>
        <span className="facts">
          {media.width} × {media.height}
          {media.frames > 1 && ` · ${formatTime(media.frames / media.fps)} · ${Number(media.fps.toFixed(2))} frames/s`}
        </span>
      </div>
      <span
        className={`connection ${connection}`}
        role="status"
        title={open ? "Every change is saved as it happens" : undefined}
      >
        <span className="dot" aria-hidden="true" />
        <span className="connection-text">{CONNECTION[connection]}</span>
      </span>
      <span className="spacer" />
      <IconButton icon="undo" label="Undo" keys="Mod+z" disabled={!canUndo || !open} onClick={editor.undo} />
      <IconButton icon="redo" label="Redo" keys="Mod+Shift+z" disabled={!canRedo || !open} onClick={editor.redo} />
      <span className="rule" />
      <span className="wide-only">
        <ThemeButton />
      </span>
      <IconButton icon="help" label="Keyboard and mouse" keys="?" onClick={onHelp} />
      <IconButton
        icon="layers"
        label="Objects"
        text={String(count)}
        pressed={listOpen}
        className="narrow-only"
        onClick={onList}
      />
      <IconButton
        icon="download"
        label="Export"
        keys="Mod+e"
        text="Export"
        className="primary collapsing"
        disabled={count === 0}
        onClick={onExport}
      />
    </header>
  );
}
