// The vertical line over a chart at the time of a player: it goes with the player, and a click on the chart sends the
// player there.
import type { Chart, Plugin } from 'chart.js';
import { h } from './dom.ts';

export interface Cursor {
  /** Of the chart: places the line whenever the chart is drawn. */
  readonly plugin: Plugin<'line'>;
  /** Puts the line over the chart's box. */
  attach(box: HTMLElement): void;
}

/** `say` is called with the time whenever the line moves. */
export function createCursor(player: HTMLAudioElement, say: (time: number) => void): Cursor {
  const line = h('div', { class: 'cursor', 'aria-hidden': 'true' });
  let chart: Chart | undefined;
  const move = () => {
    const x = chart?.scales.x;
    if (!chart || !x) return;
    const { top, bottom } = chart.chartArea;
    line.style.transform = `translate(${x.getPixelForValue(player.currentTime)}px, ${top}px)`;
    line.style.height = `${bottom - top}px`;
    say(player.currentTime);
  };
  const follow = () => {
    move();
    if (!player.paused && player.isConnected) requestAnimationFrame(follow);
  };
  player.addEventListener('play', follow);
  for (const name of ['timeupdate', 'seeked', 'loadedmetadata'])
    player.addEventListener(name, move);
  return {
    plugin: {
      id: 'cursor',
      afterRender: (drawn) => {
        chart = drawn;
        move();
      },
      afterDestroy: () => {
        chart = undefined;
      },
    },
    attach(box) {
      box.append(line);
      box.addEventListener('click', ({ clientX }) => {
        const x = chart?.scales.x;
        const time = x?.getValueForPixel(clientX - box.getBoundingClientRect().left);
        if (!x || time === undefined) return;
        player.currentTime = Math.min(x.max, Math.max(0, time));
        move();
      });
    },
  };
}
