// ECharts. Import this file lazily: it is as large as the rest of the console together. Every chart has a table
// beside it: this file is never the only place where a number stands.

import { useComputedColorScheme } from '@mantine/core';
import { BarChart, LineChart } from 'echarts/charts';
import { AriaComponent, GridComponent, LegendComponent, TooltipComponent } from 'echarts/components';
import { type EChartsCoreOption, type EChartsType, init, use as register } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { useCallback, useEffect, useRef, useState } from 'react';

register([BarChart, LineChart, GridComponent, TooltipComponent, LegendComponent, AriaComponent, SVGRenderer]);

export interface Series {
  name: string;
  tone: 'good' | 'bad' | 'off' | 'warn';
  values: number[];
}

const COLORS = {
  light: {
    good: '#3b5bdb',
    bad: '#c92a2a',
    off: '#adb5bd',
    warn: '#e8890c',
    text: '#495057',
    line: '#dee2e6',
    lines: ['#3b5bdb', '#2b8a3e', '#d9480f', '#862e9c', '#c92a2a'],
  },
  dark: {
    good: '#748ffc',
    bad: '#ff6b6b',
    off: '#6c7278',
    warn: '#ffc078',
    text: '#c1c2c5',
    line: '#3b3d42',
    lines: ['#91a7ff', '#69db7c', '#ffa94d', '#e599f7', '#ff8787'],
  },
};

interface FrameProps {
  label: string;
  height?: number;
  /** Beside what all charts have: made anew when it changes. */
  option: (colors: (typeof COLORS)['light']) => EChartsCoreOption;
}

function ChartFrame({ label, height = 220, option }: FrameProps) {
  const frame = useRef<HTMLDivElement>(null);
  const [chart, setChart] = useState<EChartsType>();
  const scheme = useComputedColorScheme('light');
  useEffect(() => {
    if (!frame.current) return;
    const made = init(frame.current, undefined, { renderer: 'svg' });
    const resize = new ResizeObserver(() => made.resize());
    resize.observe(frame.current);
    setChart(made);
    return () => {
      resize.disconnect();
      made.dispose();
    };
  }, []);
  useEffect(() => {
    const colors = COLORS[scheme];
    chart?.setOption(
      {
        animation: false,
        grid: { left: 8, right: 8, top: 34, bottom: 4, containLabel: true },
        legend: { top: 0, left: 0, textStyle: { color: colors.text }, itemWidth: 14, itemHeight: 10 },
        ...option(colors),
      },
      true,
    );
  }, [chart, option, scheme]);
  return <div ref={frame} style={{ height }} role="img" aria-label={label} />;
}

const axes = (colors: (typeof COLORS)['light'], categories: string[], value: EChartsCoreOption) => ({
  xAxis: {
    type: 'category',
    data: categories,
    axisLabel: { color: colors.text, hideOverlap: true },
    axisLine: { lineStyle: { color: colors.line } },
    axisTick: { show: false },
  },
  yAxis: {
    type: 'value',
    splitLine: { lineStyle: { color: colors.line } },
    ...value,
  },
});

interface BarProps {
  label: string;
  categories: string[];
  series: Series[];
}

export default function StackedBars({ label, categories, series }: BarProps) {
  const option = useCallback(
    (colors: (typeof COLORS)['light']): EChartsCoreOption => ({
      aria: { enabled: true, label: { description: label }, decal: { show: series.length > 1 } },
      tooltip: { trigger: 'axis', confine: true },
      ...axes(colors, categories, { minInterval: 1, axisLabel: { color: colors.text } }),
      series: series.map((one) => ({
        type: 'bar',
        name: one.name,
        stack: 'all',
        data: one.values,
        itemStyle: { color: colors[one.tone] },
        barMaxWidth: 26,
      })),
    }),
    [label, categories, series],
  );
  return <ChartFrame label={label} option={option} />;
}

export interface Line {
  name: string;
  /** Shares of one; null where there is none to tell. */
  values: (number | null)[];
}

// A line is known by its mark as well as by its colour.
const MARKS = ['circle', 'rect', 'triangle', 'diamond', 'pin'];

interface LineProps {
  label: string;
  categories: string[];
  lines: Line[];
  /** A share as the reader's language writes it. */
  format: (share: number) => string;
}

export function RateLines({ label, categories, lines, format }: LineProps) {
  const option = useCallback(
    (colors: (typeof COLORS)['light']): EChartsCoreOption => ({
      aria: { enabled: true, label: { description: label } },
      tooltip: {
        trigger: 'axis',
        confine: true,
        valueFormatter: (value: unknown) => (typeof value === 'number' ? format(value) : '–'),
      },
      ...axes(colors, categories, { min: 0, axisLabel: { color: colors.text, formatter: format } }),
      series: lines.map((one, index) => ({
        type: 'line',
        name: one.name,
        data: one.values,
        symbol: MARKS[index % MARKS.length],
        symbolSize: 8,
        showAllSymbol: true,
        color: colors.lines[index % colors.lines.length],
      })),
    }),
    [label, categories, lines, format],
  );
  return <ChartFrame label={label} height={280} option={option} />;
}
