import { QueryClient } from '@tanstack/react-query';
import { connection } from '@/api/connection';
import { asProblem } from '@/api/problem';

const RETRIES_MAX = 2;

/**
 * What was loaded is fresh for some seconds; what the server refuses is not asked again. Without a connection nothing
 * is retried here: when it is back, all that is shown is loaded again.
 */
export function makeQueryClient(): QueryClient {
  const client = new QueryClient({
    defaultOptions: {
      queries: {
        networkMode: 'always',
        staleTime: 5_000,
        retry: (count, error) => {
          const problem = asProblem(error);
          return !problem.isUnreachable && problem.status >= 500 && count < RETRIES_MAX;
        },
      },
      mutations: { networkMode: 'always', retry: false },
    },
  });
  connection.onBack = () => void client.invalidateQueries();
  return client;
}
