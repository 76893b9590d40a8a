using System.Collections;
using System.Collections.Immutable;

namespace DeepNative.Data;

/// <summary>The pictures of a folder that were left out so far, each once. Grows while others read it; they see what there was.</summary>
internal sealed class LeftOutPictures(IEnumerable<BadPicture> bad) : IReadOnlyList<BadPicture>
{
    private ImmutableList<BadPicture> _bad = [.. bad];

    public int Count => _bad.Count;

    public BadPicture this[int index] => _bad[index];

    public void Add(BadPicture picture) =>
        ImmutableInterlocked.Update(ref _bad, static (bad, one) => bad.Contains(one) ? bad : bad.Add(one), picture);

    public IEnumerator<BadPicture> GetEnumerator() => _bad.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
