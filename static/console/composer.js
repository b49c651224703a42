/* The composer above the timeline of a CRM item. The portal draws native blocks; this page, which nobody sees, hands what
   was entered to the server and what it answers to the portal. `call`, `listen` and `post` come from sendline.js. */

const TYPING = 400;

export function start({ call, listen, post, element }) {
  const { address, failed } = element.dataset;
  let state = {};
  let asked = 0;
  let typing = 0;
  let isSending = false;

  const tell = (command, parameters) => call(command, parameters, 2000).catch(() => {});

  async function ask(action, more = {}) {
    const place = ++asked;
    const answer = await post(address, { ...state, ...more, action }).catch(() => null);
    if (place !== asked) return null; // something was changed since
    if (!answer) tell("setLayoutItemState", { id: "count", properties: { value: failed } });
    return answer;
  }

  function draw(answer) {
    if (!answer) return;
    if (answer.state) state = answer.state;
    if (answer.layout) tell("setLayout", answer.layout);
    for (const { id, visible, properties } of answer.states ?? []) {
      tell("setLayoutItemState", { id, visible: visible ?? true, properties });
    }
  }

  function change({ id, value }) {
    state[id] = value;
    clearTimeout(typing);
    const look = async () => draw(await ask("change", { changed: id }));
    if (id === "text") typing = setTimeout(look, TYPING);
    else look();
  }

  async function send(more = {}) {
    if (isSending) return;
    isSending = true;
    clearTimeout(typing);
    tell("lock");
    const answer = await ask("send", more);
    tell("unlock");
    isSending = false;
    draw(answer);
    if (answer?.done) tell("finish");
  }

  listen("bindValueChangeCallback", change);
  listen("bindLayoutEventCallback", ({ value }) => send({ when: value }));
  listen("bindPrimaryButtonClickCallback", () => send());
  listen("bindSecondaryButtonClickCallback", () => tell("finish"));
  ask("draw").then(draw);
}
