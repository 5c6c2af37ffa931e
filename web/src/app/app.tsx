// Which of three faces is shown: an invitation, the sign-in, or the console.

import { Suspense } from 'react';
import { JoinPage } from '@/pages/sign-in/join';
import { Failed, NoProject, SignInPage } from '@/pages/sign-in/sign-in';
import { Loading } from '@/ui/basics';
import { usePlace } from './router';
import { SessionProvider } from './session';
import { Shell } from './shell';

export function App() {
  const place = usePlace();
  if (place.path[0] === 'join') return <JoinPage token={place.query.get('token') ?? ''} />;
  return (
    <SessionProvider
      loading={<Loading />}
      signIn={(adopt) => <SignInPage onSignedIn={adopt} />}
      failed={(problem, retry) => <Failed problem={problem} retry={retry} />}
      noProject={(session, signOut) => <NoProject session={session} signOut={signOut} />}
    >
      <Suspense fallback={<Loading />}>
        <Shell />
      </Suspense>
    </SessionProvider>
  );
}
