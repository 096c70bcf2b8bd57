import { useEffect, useRef, useState } from "react";
import type { Project } from "../core/api";
import type { Projects } from "../core/projects";
import { Dialog, IconButton } from "./controls";
import { useStore } from "./hooks";
import { MembersDialog } from "./MembersDialog";

interface ProjectBarProps {
  readonly projects: Projects;
  /** Who is logged in; null where nobody has to. */
  readonly user: string | null;
}

/** Which project's media are listed; those who log in make projects, name their own and say who is in. */
export function ProjectBar({ projects, user }: ProjectBarProps) {
  const list = useStore(projects.list);
  const chosen = useStore(projects.chosen);
  const [naming, setNaming] = useState<"new" | Project | null>(null);
  const [sharing, setSharing] = useState(false);
  if (user === null && list.length < 2) return null;
  const project = list.find(({ id }) => id === chosen);
  const own = project !== undefined && user !== null && project.owner === user ? project : null;
  return (
    <nav className="project-bar" aria-label="Projects">
      <label className="project-choice">
        <span>Project</span>
        <select value={project?.id ?? ""} onChange={(event) => projects.choose(event.target.value || null)}>
          <option value="">All projects</option>
          {list.map(({ id, name, owner }) => (
            <option key={id} value={id}>
              {owner === null || owner === user || owner === name ? name : `${name} (${owner})`}
            </option>
          ))}
        </select>
      </label>
      {user !== null && (
        <IconButton icon="add" label="New project" text="New project" onClick={() => setNaming("new")} />
      )}
      {own !== null && (
        <>
          <button type="button" className="button" onClick={() => setNaming(own)}>
            Rename
          </button>
          <button type="button" className="button" onClick={() => setSharing(true)}>
            Share
          </button>
        </>
      )}
      {project !== undefined && project.members.length > 1 && (
        <span className="project-members">Members: {project.members.join(", ")}</span>
      )}
      {own !== null && sharing && (
        <MembersDialog
          project={own}
          onClose={() => setSharing(false)}
          onAdd={(name) => projects.addMember(own.id, name)}
          onRemove={(name) => projects.removeMember(own.id, name)}
        />
      )}
      {naming !== null && (
        <NameDialog
          title={naming === "new" ? "New project" : "Rename the project"}
          name={naming === "new" ? "" : naming.name}
          onClose={() => setNaming(null)}
          onName={(name) => (naming === "new" ? projects.add(name) : projects.rename(naming.id, name))}
        />
      )}
    </nav>
  );
}

interface NameDialogProps {
  readonly title: string;
  readonly name: string;
  onClose(): void;
  onName(name: string): Promise<void>;
}

function NameDialog({ title, name, onClose, onName }: NameDialogProps) {
  const [text, setText] = useState(name);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState<string | null>(null);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.select(), []);
  const submit = async () => {
    setBusy(true);
    try {
      await onName(text.trim());
      onClose();
    } catch (error) {
      setFailed(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} className="narrow" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        <label className="dialog-field">
          <span>Name</span>
          <input ref={input} value={text} maxLength={200} onChange={(event) => setText(event.target.value)} />
        </label>
        {failed !== null && (
          <p className="dialog-error" role="alert">
            {failed}
          </p>
        )}
        <footer className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button primary" disabled={busy || text.trim() === ""}>
            {name === "" ? "Make it" : "Rename"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
