/** How a timeline looks; kept apart so that the page's structure can be read. */
export const STYLE = `
:root { color-scheme: light dark; --ran: #4c8bf5; --critical: #e8912d; --cached: #9aa0a6; --failed: #d93025; --line: #8884; }
body { font: 14px/1.5 system-ui, sans-serif; margin: 2rem; }
h1 { font-size: 1.3rem; margin: 0; }
p { margin: .3rem 0; }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin: 0 .4em 0 1em; }
.legend i:first-child { margin-left: 0; }
.axis { position: relative; height: 1.6em; margin: 1rem 0 0 45%; border-bottom: 1px solid var(--line); font-size: 12px; }
.axis span { position: absolute; border-left: 1px solid var(--line); padding-left: .3em; white-space: nowrap; }
.step, .step > summary { display: block; }
.step:not(details), .step > summary { display: grid; grid-template-columns: minmax(0, 39%) 6% minmax(0, 55%); align-items: center; height: 1.9em; border-bottom: 1px solid var(--line); }
summary { cursor: pointer; }
.name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-family: ui-monospace, monospace; font-size: 13px; }
details .name::before { content: "▸ "; }
details[open] .name::before { content: "▾ "; }
.time { text-align: right; padding-right: .8em; font-variant-numeric: tabular-nums; }
.track { position: relative; height: 100%; }
.bar { position: absolute; top: 25%; height: 50%; border-radius: 3px; min-width: 2px; }
.ran { background: var(--ran); } .critical { background: var(--critical); } .cached { background: var(--cached); } .failed { background: var(--failed); }
pre { margin: 0; padding: .6em 1em; background: var(--line); overflow: auto; max-height: 24em; font-size: 12px; }
.warning { color: var(--critical); }
`
