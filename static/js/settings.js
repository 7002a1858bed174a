/* On a phone the sections lie in one row: the one that is open is brought into view. */

document.querySelector(".settings-nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
