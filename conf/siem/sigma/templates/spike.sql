WITH counted AS (
    SELECT %names%, %value% AS amount, strftime('%s', `timestamp`) + 0 >= :until - %window_secs% AS is_last
    FROM events
    WHERE (%condition%) AND %there%
      AND strftime('%s', `timestamp`) + 0 >= :until - %history_secs% AND strftime('%s', `timestamp`) + 0 < :until
)
SELECT %names% FROM counted GROUP BY %names%
HAVING SUM(CASE WHEN is_last THEN amount ELSE 0 END) >= %floor%
   AND SUM(CASE WHEN is_last THEN amount ELSE 0 END)
       >= %factor% * SUM(CASE WHEN is_last THEN 0 ELSE amount END) / %windows%.0
