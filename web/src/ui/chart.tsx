// ECharts. Import this file lazily: it is as large as the rest of the console together. Every chart has a table beside it: this file is never the only place
// where a number stands.

import { useComputedColorScheme } from '@mantine/core';
import { BarChart } from 'echarts/charts';
import { AriaComponent, GridComponent, LegendComponent, TooltipComponent } from 'echarts/components';
import { type EChartsCoreOption, type EChartsType, init, use as register } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { useEffect, useRef, useState } from 'react';

register([BarChart, GridComponent, TooltipComponent, LegendComponent, AriaComponent, SVGRenderer]);

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
  },
  dark: {
    good: '#748ffc',
    bad: '#ff6b6b',
    off: '#6c7278',
    warn: '#ffc078',
    text: '#c1c2c5',
    line: '#3b3d42',
  },
};

interface Props {
  label: string;
  categories: string[];
  series: Series[];
  height?: number;
}

export default function StackedBars({ label, categories, series, height = 220 }: Props) {
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
    const option: EChartsCoreOption = {
      animation: false,
      aria: { enabled: true, label: { description: label }, decal: { show: series.length > 1 } },
      grid: { left: 8, right: 8, top: 34, bottom: 4, containLabel: true },
      legend: { top: 0, left: 0, textStyle: { color: colors.text }, itemWidth: 14, itemHeight: 10 },
      tooltip: { trigger: 'axis', confine: true },
      xAxis: {
        type: 'category',
        data: categories,
        axisLabel: { color: colors.text, hideOverlap: true },
        axisLine: { lineStyle: { color: colors.line } },
        axisTick: { show: false },
      },
      yAxis: {
        type: 'value',
        minInterval: 1,
        axisLabel: { color: colors.text },
        splitLine: { lineStyle: { color: colors.line } },
      },
      series: series.map((one) => ({
        type: 'bar',
        name: one.name,
        stack: 'all',
        data: one.values,
        itemStyle: { color: colors[one.tone] },
        barMaxWidth: 26,
      })),
    };
    chart?.setOption(option, true);
  }, [chart, categories, series, scheme, label]);
  return <div ref={frame} style={{ height }} role="img" aria-label={label} />;
}
