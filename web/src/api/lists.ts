// Lists that several pages choose from. Short ones are loaded whole, as far as a menu of choices makes sense.

import { useQuery } from '@tanstack/react-query';
import { api, body } from './client';
import { LIVE, pollEvery } from './live';

const CHOICES_MAX = '200';
const FRESH_MS = 30_000;

export const useCategories = () =>
  useQuery({ queryKey: ['categories'], queryFn: () => body(api.GET('/v1/categories')), staleTime: FRESH_MS });

export const useTemplates = () =>
  useQuery({
    queryKey: ['templates', 'choices'],
    queryFn: () => body(api.GET('/v1/templates', { params: { query: { limit: CHOICES_MAX } } })),
    staleTime: FRESH_MS,
  });

export const useGroups = () =>
  useQuery({
    queryKey: ['groups', 'choices'],
    queryFn: () => body(api.GET('/v1/groups', { params: { query: { limit: CHOICES_MAX } } })),
    staleTime: FRESH_MS,
  });

/** What is stopped at present; also for the banner on every page. */
export const usePauses = () =>
  useQuery({
    queryKey: [LIVE, 'pauses'],
    queryFn: () => body(api.GET('/v1/pauses')),
    refetchInterval: pollEvery(10_000, 15_000),
  });

/** Accepted deliveries against the sum of all states. */
export const useAccount = () =>
  useQuery({
    queryKey: [LIVE, 'accountability'],
    queryFn: () => body(api.GET('/v1/accountability')),
    refetchInterval: pollEvery(),
  });

export const useQueues = () =>
  useQuery({
    queryKey: [LIVE, 'queues'],
    queryFn: () => body(api.GET('/v1/queues')),
    refetchInterval: pollEvery(),
  });

export const useIntegrations = () =>
  useQuery({
    queryKey: [LIVE, 'integrations'],
    queryFn: () => body(api.GET('/v1/integrations')),
    refetchInterval: pollEvery(),
  });
