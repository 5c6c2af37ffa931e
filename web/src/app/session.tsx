// Who is signed in, and in which project. Everything that needs somebody stands under SessionProvider.

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react';
import { credentials } from '@/api/client';
import { asProblem, type Problem } from '@/api/problem';
import { type Role, type Session, type SessionProject, sessions } from '@/api/session';
import { go, to } from './router';

const PROJECT_STORED_AS = 'carillon.project';
const APP_STORED_AS = 'carillon.app';
const RANK: Record<Role, number> = { viewer: 0, sender: 1, administrator: 2 };

export interface Access {
  session: Session;
  project: SessionProject;
  /** May the member do what needs this role in the present project? */
  can: (role: Role) => boolean;
  chooseProject: (key: string) => void;
  /** The app as which a member who is bound to some acts; undefined: bound to none. */
  app: string | undefined;
  chooseApp: (name: string) => void;
  /** The session ended while somebody worked: the page stays, and sign-in is asked over it. */
  signedOut: boolean;
  adopt: (session: Session) => void;
  signOut: () => Promise<void>;
}

const AccessContext = createContext<Access | undefined>(undefined);

export function useAccess(): Access {
  const access = useContext(AccessContext);
  if (!access) throw new Error('useAccess() outside of SessionProvider');
  return access;
}

interface Props {
  loading: ReactNode;
  signIn: (adopt: (session: Session) => void) => ReactNode;
  failed: (problem: Problem, retry: () => void) => ReactNode;
  noProject: (session: Session, signOut: () => Promise<void>) => ReactNode;
  children: ReactNode;
}

export function SessionProvider({ loading, signIn, failed, noProject, children }: Props) {
  const client = useQueryClient();
  const [signedOut, setSignedOut] = useState(false);
  const [chosen, setChosen] = useState(() => globalThis.localStorage.getItem(PROJECT_STORED_AS));
  const query = useQuery({
    queryKey: ['session'],
    queryFn: sessions.current,
    staleTime: Infinity,
    retry: false,
  });
  const session = query.data;
  const project = session?.projects.find((p) => p.key === chosen) ?? session?.projects[0];
  const [chosenApp, setChosenApp] = useState(() => globalThis.localStorage.getItem(APP_STORED_AS));
  const app = project?.apps?.find((name) => name === chosenApp) ?? project?.apps?.[0];

  // Children load in effects of their own, which run before those of this component: set while rendering.
  credentials.csrf = session?.csrf;
  credentials.project = project?.key;
  credentials.app = app;

  useEffect(() => {
    credentials.onSignedOut = () => setSignedOut(true);
    return () => {
      credentials.onSignedOut = () => undefined;
    };
  }, []);

  const adopt = useCallback(
    (fresh: Session) => {
      const sameMember = session?.member.key === fresh.member.key;
      credentials.csrf = fresh.csrf;
      client.setQueryData(['session'], fresh);
      setSignedOut(false);
      // Somebody else's data must not be seen; one's own is loaded again where it failed.
      if (session && sameMember)
        void client.invalidateQueries({ predicate: (q) => q.queryKey[0] !== 'session' });
      else client.removeQueries({ predicate: (q) => q.queryKey[0] !== 'session' });
    },
    [client, session],
  );

  const chooseProject = useCallback(
    (key: string) => {
      globalThis.localStorage.setItem(PROJECT_STORED_AS, key);
      credentials.project = key;
      setChosen(key);
      client.removeQueries({ predicate: (q) => q.queryKey[0] !== 'session' });
      go(to([]));
    },
    [client],
  );

  const chooseApp = useCallback(
    (name: string) => {
      globalThis.localStorage.setItem(APP_STORED_AS, name);
      credentials.app = name;
      setChosenApp(name);
      client.removeQueries({ predicate: (q) => q.queryKey[0] !== 'session' });
      go(to([]));
    },
    [client],
  );

  const signOut = useCallback(async () => {
    try {
      await sessions.signOut();
    } catch (error) {
      if (asProblem(error).status !== 401) throw error;
    }
    go(to([]));
    client.clear();
    await client.resetQueries({ queryKey: ['session'] });
  }, [client]);

  const access = useMemo<Access | undefined>(() => {
    if (!session || !project) return undefined;
    return {
      session,
      project,
      can: (role) => RANK[project.role] >= RANK[role],
      chooseProject,
      app,
      chooseApp,
      signedOut,
      adopt,
      signOut,
    };
  }, [session, project, chooseProject, app, chooseApp, signedOut, adopt, signOut]);

  if (query.isPending) return loading;
  if (query.isError) {
    const problem = asProblem(query.error);
    return problem.status === 401 ? signIn(adopt) : failed(problem, () => void query.refetch());
  }
  if (!access) return noProject(query.data, signOut);
  return <AccessContext.Provider value={access}>{children}</AccessContext.Provider>;
}
