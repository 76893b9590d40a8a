namespace DeepNative.Data;

/// <summary>A ".tar.gz" archive at an address, unpacked while it comes.</summary>
internal sealed class ArchiveSource(Uri address, WebLimits limits) : DatasetSource
{
    internal override async Task FetchAsync(DatasetFetch fetch)
    {
        using var web = new WebFetch(fetch, limits);
        var name = NameOf(address);
        var refusal = await web.AskAsync(address, fetch.Token).ConfigureAwait(false)
            ?? await web.ReadAsync(address, name, (body, token) => StoreFromArchiveAsync(fetch, body, token)).ConfigureAwait(false);
        if (refusal is null && fetch.Missing.Count > 0) refusal = $"lacks {Describe(fetch.Missing)}";
        if (refusal is not null) fetch.Fail(address.AbsoluteUri, refusal);
    }

    /// <summary>The archive's file name.</summary>
    internal static string NameOf(Uri address) => Path.GetFileName(address.AbsolutePath);
}
