import { useMemo, useSyncExternalStore } from "react";
import { Notices } from "../core/notices";
import { Projects } from "../core/projects";
import { signedIn } from "../core/session";
import { Store } from "../core/state";
import { UploadQueue } from "../core/upload";
import { EditorPage } from "./EditorPage";
import { Gallery } from "./Gallery";
import { NoticesContext, useStore } from "./hooks";
import { LoginPage } from "./LoginPage";
import { readRoute, SOURCE_HASH } from "./route";
import { SourcePage } from "./SourcePage";
import { Toasts } from "./Toasts";

function subscribeToAddress(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  return () => removeEventListener("hashchange", listener);
}

export function App() {
  const address = useSyncExternalStore(subscribeToAddress, () => location.hash);
  const notices = useMemo(() => new Notices(), []);
  // Uploads go on while a media item is edited; the gallery hears of those that end.
  const uploaded = useMemo(() => new Store(0), []);
  const uploads = useMemo(() => new UploadQueue(() => uploaded.set(uploaded.get() + 1)), [uploaded]);
  const projects = useMemo(() => new Projects(), []);
  const { media } = readRoute(address);
  if (!useStore(signedIn)) return <LoginPage />;
  return (
    <NoticesContext value={notices}>
      {address === SOURCE_HASH ? (
        <SourcePage projects={projects} />
      ) : media === null ? (
        <Gallery uploads={uploads} uploaded={uploaded} projects={projects} />
      ) : (
        <EditorPage key={media} id={media} />
      )}
      <Toasts />
    </NoticesContext>
  );
}
