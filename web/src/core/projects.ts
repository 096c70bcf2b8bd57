/** The projects that the user may see, and the one that is looked at. */
import { addMember, addProject, listProjects, type Project, removeMember, renameProject } from "./api";
import { Store } from "./state";

const MEMORY = "masklet.project";

export class Projects {
  readonly list = new Store<readonly Project[]>([]);
  /** What is looked at, and where uploads go; null: all of them, and the user's own. The browser remembers it. */
  readonly chosen: Store<string | null>;
  readonly #memory: Storage;

  constructor(memory: Storage = localStorage) {
    this.#memory = memory;
    this.chosen = new Store(memory.getItem(MEMORY));
  }

  /** Ask for the list; a choice that is not in it ends. */
  async refresh(): Promise<void> {
    const list = await listProjects();
    this.list.set(list);
    if (!list.some(({ id }) => id === this.chosen.get())) this.choose(null);
  }

  choose(id: string | null): void {
    if (id === null) this.#memory.removeItem(MEMORY);
    else this.#memory.setItem(MEMORY, id);
    this.chosen.set(id);
  }

  /** Make a project of one's own and look at it. */
  async add(name: string): Promise<void> {
    const project = await addProject(name);
    this.list.set([...this.list.get(), project]);
    this.choose(project.id);
  }

  async rename(id: string, name: string): Promise<void> {
    const renamed = await renameProject(id, name);
    this.list.set(this.list.get().map((project) => (project.id === id ? renamed : project)));
  }

  /** Let a user see and edit a project of one's own. */
  async addMember(id: string, name: string): Promise<void> {
    await addMember(id, name);
    await this.refresh();
  }

  /** Take a project of one's own away from a user. */
  async removeMember(id: string, name: string): Promise<void> {
    await removeMember(id, name);
    await this.refresh();
  }
}
