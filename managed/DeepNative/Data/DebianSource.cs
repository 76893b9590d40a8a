namespace DeepNative.Data;

/// <summary>A package of the Debian archive, downloaded without being installed; needs no root.</summary>
internal sealed class DebianSource(string package) : DatasetSource
{
    private static readonly TimeSpan _limit = TimeSpan.FromMinutes(5);

    internal override async Task FetchAsync(DatasetFetch fetch)
    {
        var place = $"Debian package {package}";
        if (Tool.Find("apt-get") is not { } aptGet || Tool.Find("dpkg-deb") is not { } dpkgDeb)
        {
            fetch.Fail(place, "there is no apt-get or dpkg-deb on PATH");
            return;
        }

        try
        {
            using var scratch = fetch.CreateScratch();
            fetch.Report($"fetching {place}");
            await Tool.RunAsync(
                aptGet, ["download", "-qq", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=10", package],
                scratch.Path, _limit, fetch.Token).ConfigureAwait(false);
            foreach (var path in Directory.GetFiles(scratch.Path, "*.deb"))
                await Tool.RunAsync(
                    dpkgDeb, ["--fsys-tarfile", path], scratch.Path, _limit, fetch.Token,
                    (tar, token) => StoreFromTarAsync(fetch, tar, token)).ConfigureAwait(false);
            if (fetch.Missing.Count > 0) fetch.Fail(place, $"lacks {Describe(fetch.Missing)}");
        }
        catch (Exception error) when (IsOfThePlace(error, fetch))
        {
            fetch.Fail(place, error.Message);
        }
    }
}
