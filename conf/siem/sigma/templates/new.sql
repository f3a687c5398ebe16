WITH seen AS (
    SELECT %names%, %value% AS value, MIN(strftime('%s', `timestamp`) + 0) AS first
    FROM events
    WHERE (%condition%) AND %there% AND %value% IS NOT NULL
      AND strftime('%s', `timestamp`) + 0 >= :until - %history_secs% AND strftime('%s', `timestamp`) + 0 < :until
    GROUP BY %names%, %value%
), compared AS (
    SELECT *, MIN(first) OVER (PARTITION BY %names%) AS since FROM seen
)
SELECT DISTINCT %names% FROM compared WHERE first >= :until - %window_secs% AND since < :until - %window_secs%
