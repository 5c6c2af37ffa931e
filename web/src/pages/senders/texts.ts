import { texts } from '@/text/language';

export const senderTexts = texts(
  {
    title: 'Senders',
    help: 'Whom messages may be from. Any other address or number is refused; where a message names none, the integration uses its own.',
    none: 'No sender is allowed: messages carry the addresses of their integrations.',
    fresh: 'New sender',
    keyHelp: 'Small letters, digits, - and _. Callers may send with it.',
    identity: 'From',
    kind: 'What it is',
    kinds: {
      email: 'One e-mail address',
      domain: 'Every address of a domain',
      phone: 'A phone number',
      alphanumeric: 'A name in text messages',
    } as Record<string, string>,
    hints: {
      email: 'news@example.com',
      domain: 'example.com',
      phone: '+8225550100',
      alphanumeric: 'Bells',
    } as Record<string, string>,
    helps: {
      email: 'This one only.',
      domain: 'Not of its subdomains.',
      phone: 'With its country; for text messages and calls.',
      alphanumeric: 'One to eleven letters, digits and spaces.',
    } as Record<string, string>,
    name: 'Shown name',
    nameHelp: 'With an e-mail address, where the message gives none.',
    integrations: 'Who may carry it',
    integrationsHelp:
      'A domain that one provider signs, a number that belongs to one account. Empty: every integration.',
    everyone: 'every integration',
    removeHelp: 'New messages from it are refused; what was accepted still goes out.',
  },
  {
    title: '발신자',
    help: '메시지의 발신자로 쓸 수 있는 주소와 번호입니다. 여기에 없는 from은 거절하며, from이 없으면 연동의 기본 발신자를 씁니다.',
    none: '등록된 발신자가 없습니다. 모든 메시지는 연동의 기본 발신자로 나갑니다.',
    fresh: '새 발신자',
    keyHelp: '영문 소문자, 숫자, -, _ 를 쓸 수 있습니다. 발송할 때 이 키로 지정할 수 있습니다.',
    identity: '발신자',
    kind: '종류',
    kinds: {
      email: '이메일 주소 하나',
      domain: '도메인의 모든 주소',
      phone: '전화번호',
      alphanumeric: '문자 발신 이름',
    },
    hints: { email: 'news@example.com', domain: 'example.com', phone: '+8225550100', alphanumeric: 'Bells' },
    helps: {
      email: '이 주소만 허용합니다.',
      domain: '하위 도메인은 포함하지 않습니다.',
      phone: '국가 번호를 포함하며 문자와 전화에 씁니다.',
      alphanumeric: '영문, 숫자, 공백으로 1~11자입니다.',
    },
    name: '표시 이름',
    nameHelp: '메시지에 이름이 없을 때 이메일 주소와 함께 표시합니다.',
    integrations: '사용할 수 있는 연동',
    integrationsHelp:
      '특정 업체만 서명하는 도메인이나 특정 계정의 번호일 때 고릅니다. 비워 두면 모든 연동에서 씁니다.',
    everyone: '모든 연동',
    removeHelp: '새 메시지에는 쓸 수 없게 됩니다. 이미 접수한 발송은 그대로 나갑니다.',
  },
);
