import { useEffect, useRef, useState } from "react";
import type { Project } from "../core/api";
import { Dialog, IconButton } from "./controls";

interface MembersDialogProps {
  readonly project: Project;
  onClose(): void;
  onAdd(name: string): Promise<void>;
  onRemove(name: string): Promise<void>;
}

/** Who sees and edits a project, for its owner: who else comes in, and who has to go. */
export function MembersDialog({ project, onClose, onAdd, onRemove }: MembersDialogProps) {
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<string | null>(null);
  const [said, setSaid] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const name = text.trim();
  useEffect(() => input.current?.focus(), []);

  const run = async (change: () => Promise<void>, done: string) => {
    // Not by disabled buttons: those lose the focus.
    if (busy) return;
    setBusy(true);
    setFailed(null);
    setSaid("");
    try {
      await change();
      setSaid(done);
      input.current?.focus();
    } catch (error) {
      setFailed(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };
  const add = () =>
    run(async () => {
      if (project.members.includes(name)) throw new Error(`${name} is a member already`);
      await onAdd(name);
      setText("");
    }, `${name} is a member now`);

  return (
    <Dialog title={`Members of ${project.name}`} className="narrow" onClose={onClose}>
      <ul className="member-list" aria-label="Members">
        {project.members.map((member) => (
          <li key={member} className="member">
            <span className="member-name">{member}</span>
            {member === project.owner ? (
              <span className="member-owner">owner</span>
            ) : (
              <IconButton
                icon="close"
                label={`Remove ${member}`}
                onClick={() => void run(() => onRemove(member), `${member} is no member any more`)}
              />
            )}
          </li>
        ))}
      </ul>
      <form
        className="member-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (name !== "") void add();
        }}
      >
        <label className="dialog-field">
          <span>User name</span>
          <input
            ref={input}
            value={text}
            maxLength={64}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            onChange={(event) => setText(event.target.value)}
          />
        </label>
        <button type="submit" className="button primary" disabled={name === ""}>
          Add
        </button>
      </form>
      {failed !== null && (
        <p className="dialog-error" role="alert">
          {failed}
        </p>
      )}
      <p className="unseen" role="status">
        {said}
      </p>
      <footer className="dialog-foot">
        <button type="button" className="button" onClick={onClose}>
          Done
        </button>
      </footer>
    </Dialog>
  );
}
