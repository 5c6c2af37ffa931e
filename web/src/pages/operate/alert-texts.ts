// What alerts say to whoever reads them here. The server's own words are for logs, mails and the command line.

import { texts } from '@/text/language';

interface Words {
  title: (subject: string) => string;
  advice: string;
}

/** Where each kind is mended. */
export const ALERT_PAGES: Record<string, string[]> = {
  retries_exhausted: ['dead-letters'],
  repeating_problem: ['history'],
  integration_paused: ['integrations'],
  no_route: ['integrations'],
  oldest_age: [],
  accountability: ['accountability'],
  disk_low: [],
  webhook_switched_off: ['webhooks'],
};

export const alertTexts = texts(
  {
    look: 'Go there',
    kinds: {
      retries_exhausted: {
        title: (subject) => `Deliveries on ${subject} are given up: their retries are exhausted`,
        advice: 'Look for the reasons among the dead letters; when the cause is gone, send them again.',
      },
      repeating_problem: {
        title: (subject) => `The same failure comes again and again: ${subject}`,
        advice:
          "Look up the code in the attempts of a failed delivery and in the provider's documentation; mend the template or the integration.",
      },
      integration_paused: {
        title: (subject) => `The integration ${subject} is paused`,
        advice: 'Nothing goes through it and its deliveries wait. Mend its settings, or let it go on.',
      },
      no_route: {
        title: (subject) => `No integration carries ${subject}`,
        advice: 'The deliveries wait. Set up an integration of that channel, or a route that leads to one.',
      },
      oldest_age: {
        title: (subject) => `Deliveries in ${subject} wait too long`,
        advice:
          'The queues on the overview show how many. Look for a slow provider, a rate limit that is too low, or more load than this machine takes.',
      },
      accountability: {
        title: () => 'Accepted deliveries are not the sum of all states',
        advice:
          'That is a defect or a damaged store: keep a copy of the data folder and the logs, and report it.',
      },
      disk_low: {
        title: () => 'The disk of the data folder is nearly full',
        advice:
          'Free some space or move the data folder to a larger disk; sends are refused when it runs out.',
      },
      webhook_switched_off: {
        title: (subject) => `The webhook ${subject} is switched off`,
        advice: 'Events for it are kept and wait. Look at what it answered, mend it, and let it go on.',
      },
    } as Record<string, Words>,
  },
  {
    look: '이동',
    kinds: {
      retries_exhausted: {
        title: (subject) => `${subject} 발송이 재시도를 모두 실패했습니다`,
        advice: '재시도 소진 화면에서 원인을 확인하고, 해결되면 다시 보내세요.',
      },
      repeating_problem: {
        title: (subject) => `같은 실패가 반복됩니다: ${subject}`,
        advice:
          '실패한 발송의 요청 기록에 있는 코드를 발송 업체 문서에서 찾아보고 템플릿이나 연동을 고치세요.',
      },
      integration_paused: {
        title: (subject) => `‘${subject}’ 연동이 일시 정지되어 있습니다`,
        advice: '이 연동으로 나갈 발송이 대기 중입니다. 설정을 고치거나 다시 사용하도록 하세요.',
      },
      no_route: {
        title: (subject) => `${subject} 채널을 맡은 연동이 없습니다`,
        advice: '발송이 대기 중입니다. 그 채널의 연동이나, 연동으로 이어지는 경로를 설정하세요.',
      },
      oldest_age: {
        title: (subject) => `${subject} 대기열의 발송이 너무 오래 기다립니다`,
        advice:
          '현황의 대기열에서 건수를 확인하세요. 느린 발송 업체, 너무 낮은 속도 제한, 서버 용량 초과가 원인일 수 있습니다.',
      },
      accountability: {
        title: () => '접수한 발송이 모든 상태의 합계와 다릅니다',
        advice: '결함이거나 저장소가 손상된 것입니다. 데이터 폴더와 로그를 보관하고 신고해 주세요.',
      },
      disk_low: {
        title: () => '데이터 폴더의 디스크 공간이 거의 없습니다',
        advice: '공간을 확보하거나 더 큰 디스크로 옮기세요. 공간이 없어지면 발송을 거절합니다.',
      },
      webhook_switched_off: {
        title: (subject) => `‘${subject}’ 웹훅이 꺼졌습니다`,
        advice: '웹훅에 알릴 이벤트는 보관되어 대기합니다. 응답을 확인해 고친 뒤 다시 켜세요.',
      },
    },
  },
);
