namespace DeepNative.Data;

/// <summary>The public mirrors. All are asked at once; the first that answers is used, the others stand by.</summary>
internal sealed class MirrorSource(string suffix, WebLimits limits) : DatasetSource
{
    internal override async Task FetchAsync(DatasetFetch fetch)
    {
        using var web = new WebFetch(fetch, limits);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(fetch.Token);
        // The smallest file is asked for, so that a mirror that lacks it costs nothing.
        var smallest = fetch.Missing.MinBy(static file => file.Bytes)!;
        var asked = new List<Task<(Uri Mirror, string? Refusal)>>();
        foreach (var mirror in fetch.Description.Mirrors) asked.Add(AskAsync(web, mirror, smallest, enough.Token));

        await foreach (var answer in Task.WhenEach(asked).ConfigureAwait(false))
        {
            var (mirror, refusal) = await answer.ConfigureAwait(false);
            if (fetch.Missing.Count == 0) continue;
            refusal ??= await DownloadAsync(web, mirror, fetch).ConfigureAwait(false);
            if (refusal is not null) fetch.Fail(mirror.AbsoluteUri, refusal);
            if (fetch.Missing.Count == 0) await enough.CancelAsync().ConfigureAwait(false);
        }
    }

    private async Task<(Uri Mirror, string? Refusal)> AskAsync(
        WebFetch web, Uri mirror, DatasetFile file, CancellationToken enough) =>
        (mirror, await web.AskAsync(new Uri(mirror, file.Name + suffix), enough).ConfigureAwait(false));

    private async Task<string?> DownloadAsync(WebFetch web, Uri mirror, DatasetFetch fetch)
    {
        foreach (var file in fetch.Missing.ToArray())
        {
            var name = file.Name + suffix;
            var refusal = await web.ReadAsync(
                new Uri(mirror, name), name, (body, token) => fetch.StoreAsync(file, body, packed: true, token)).ConfigureAwait(false);
            if (refusal is not null) return refusal;
        }

        return null;
    }
}
