R"sql(
-- Dead letters of outages nobody replayed yet, which the system does when the provider is back. A reason begins with the
-- word of the delivery's: "provider_down" or "provider_down: …". A query repeats the conditions to use it.
CREATE INDEX dead_letter_outage ON dead_letter(project, queue, id)
  WHERE is_closed = 0 AND reason >= 'provider_down' AND reason < 'provider_down;'
)sql"
