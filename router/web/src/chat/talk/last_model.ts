/** The model that was chosen last in this browser. */
const NAME = "nexa.model";

export function lastModel(): string | null {
  try {
    return localStorage.getItem(NAME);
  } catch {
    return null; // storage is forbidden
  }
}

export function rememberModel(id: string): void {
  try {
    localStorage.setItem(NAME, id);
  } catch (error) {
    console.warn("the model could not be kept", error);
  }
}
