// A question to the search: words of Latin script, and pairs of Japanese characters (extension.py).
var splitQuery = (query) => {
  const runs = query.match(/[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\u3005]+|[^\W_]+/gu) ?? [];
  return runs.flatMap((run) => /[^\u0000-\u02ff]/.test(run) && run.length > 1
    ? Array.from({ length: run.length - 1 }, (_, place) => run.slice(place, place + 2)) : [run]);
};
