// What the page does beyond HTML: each part is found by its data attribute, and absent where the page has none.
import { calls } from "./calls";
import { copyButtons } from "./copy";
import { forms } from "./forms";
import { live } from "./live";
import { refresh } from "./refresh";
import { signIn } from "./signin";
import { trend } from "./trend";

document.documentElement.classList.add("scripted");
signIn();
forms();
copyButtons();
const section = document.querySelector<HTMLElement>("[data-trend]");
const picked = section ? trend(section) : undefined;
const renew = refresh(picked);
live(renew);
calls();
