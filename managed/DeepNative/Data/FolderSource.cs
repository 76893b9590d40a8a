namespace DeepNative.Data;

/// <summary>A folder of this machine; files are looked for with each of the given endings, then in archives.</summary>
internal sealed class FolderSource(string folder, params string[] suffixes) : DatasetSource
{
    internal override async Task FetchAsync(DatasetFetch fetch)
    {
        if (!Directory.Exists(folder))
        {
            fetch.Lack(folder, "no such folder");
            return;
        }

        var found = false;
        foreach (var file in fetch.Missing.ToArray())
        {
            foreach (var suffix in suffixes)
            {
                var path = Path.Combine(folder, file.Name + suffix);
                if (!File.Exists(path)) continue;
                found = true;
                try
                {
                    await using var content = File.OpenRead(path);
                    await fetch.StoreAsync(file, content, IdxFile.IsGzip(content), fetch.Token).ConfigureAwait(false);
                    break;
                }
                catch (Exception error) when (IsOfThePlace(error, fetch))
                {
                    fetch.Fail(path, error.Message);
                }
            }
        }

        foreach (var archive in fetch.Description.Archives)
        {
            var path = Path.Combine(folder, ArchiveSource.NameOf(archive));
            if (fetch.Missing.Count == 0 || !File.Exists(path)) continue;
            found = true;
            try
            {
                await using var content = File.OpenRead(path);
                await StoreFromArchiveAsync(fetch, content, fetch.Token).ConfigureAwait(false);
                if (fetch.Missing.Count > 0) fetch.Fail(path, $"lacks {Describe(fetch.Missing)}");
            }
            catch (Exception error) when (IsOfThePlace(error, fetch))
            {
                fetch.Fail(path, error.Message);
            }
        }

        if (!found) fetch.Lack(folder, "has none of the files");
    }
}
