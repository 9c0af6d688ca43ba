import { render } from "preact";

import { keepServerFresh } from "./api/server";
import { followHash } from "./app/route";
import { Shell } from "./app/shell";
import { applyTheme } from "./app/theme";
import { readOnIfNeeded } from "./chat/receiving";
import { texts } from "./texts";

const page = document.getElementById("page");
if (page === null) throw new Error("#page is missing in index.html");
document.documentElement.lang = texts.language;
applyTheme();
followHash();
render(<Shell />, page);
void keepServerFresh();
void readOnIfNeeded();
