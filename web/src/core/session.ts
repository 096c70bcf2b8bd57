/** Whether the server knows who we are. A server without login always does. */
import { Store } from "./state";

export const signedIn = new Store(true);
