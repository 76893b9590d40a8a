using System.Buffers.Binary;
using System.Text;
using DeepNative.Cli.Events;
using DeepNative.Tests.Training;

namespace DeepNative.Tests.Reports;

/// <summary>TensorBoard's files, read back by a reader of their own: records with bitwise CRC-32C, protocol buffers by hand.</summary>
[TestFixture]
public class EventFileTests
{
    // RFC 3720, B.4, and the usual check word.
    [TestCase("", 0x00000000u)]
    [TestCase("313233343536373839", 0xE3069283u)]
    [TestCase("0000000000000000000000000000000000000000000000000000000000000000", 0x8A9136AAu)]
    [TestCase("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", 0x62A8AB43u)]
    [TestCase("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F", 0x46DD794Eu)]
    [TestCase("1F1E1D1C1B1A191817161514131211100F0E0D0C0B0A09080706050403020100", 0x113FDB5Cu)]
    public void Check_values_are_those_of_the_standard(string bytes, uint expected)
    {
        Assert.That(RecordWriter.Crc(Convert.FromHexString(bytes)), Is.EqualTo(expected));
        Assert.That(Crc(Convert.FromHexString(bytes)), Is.EqualTo(expected));
    }

    [Test]
    public void Scalars_pictures_and_histograms_read_back()
    {
        using var folder = new TemporaryFolder();
        byte[] picture = [1, 2, 3];
        string path;
        using (var file = new EventFile(folder.File(""), done: 0))
        {
            path = file.Path;
            file.Scalars(600, ("loss/train", 0.25), ("error/validation", null), ("größe", double.NaN));
            file.Image(600, "filters", 7, 5, 3, picture);
            file.Histogram(1200, "0.weight", [-1f, 0f, 0f, 1f, float.NaN]);
        }

        Assert.That(Path.GetFileName(path), Does.StartWith("events.out.tfevents."));
        var events = Read(path);
        Assert.That(events, Has.Count.EqualTo(4));
        Assert.That(Text(events[0], 3), Is.EqualTo("brain.Event:2"));
        Assert.That(events.Select(record => Varint(record, 2)), Is.EqualTo(new[] { 0L, 600, 600, 1200 }));
        Assert.That(BitConverter.Int64BitsToDouble((long)(ulong)One(events[1], 1)), Is.EqualTo((DateTime.UtcNow - DateTime.UnixEpoch).TotalSeconds).Within(600));

        var scalars = Parse((byte[])One(events[1], 5)).Select(field => Parse((byte[])field.Value)).ToArray();
        Assert.That(scalars.Select(value => Text(value, 1)), Is.EqualTo(new[] { "loss/train", "größe" }));
        Assert.That(BitConverter.UInt32BitsToSingle((uint)One(scalars[0], 2)), Is.EqualTo(0.25f));
        Assert.That(BitConverter.UInt32BitsToSingle((uint)One(scalars[1], 2)), Is.NaN);

        var image = Parse((byte[])One(Parse((byte[])One(Parse((byte[])One(events[2], 5)), 1)), 4));
        Assert.That((Varint(image, 1), Varint(image, 2), Varint(image, 3)), Is.EqualTo((5L, 7L, 3L)));
        Assert.That(One(image, 4), Is.EqualTo(picture));

        var histogram = Parse((byte[])One(Parse((byte[])One(Parse((byte[])One(events[3], 5)), 1)), 5));
        Assert.That(Enumerable.Range(1, 5).Select(field => Real(histogram, field)), Is.EqualTo(new[] { -1.0, 1, 4, 0, 2 }));
        var (limits, counts) = (Reals(histogram, 6), Reals(histogram, 7));
        Assert.That(limits, Has.Length.EqualTo(counts.Length).And.Ordered.Ascending);
        Assert.That(limits[^1], Is.EqualTo(1));
        Assert.That(counts.Sum(), Is.EqualTo(4));
    }

    [Test]
    public void A_resumed_run_has_a_second_file_that_says_where_it_goes_on()
    {
        using var folder = new TemporaryFolder();
        string first, second;
        using (var file = new EventFile(folder.File(""), done: 0)) first = file.Path;
        using (var file = new EventFile(folder.File(""), done: 30))
        {
            second = file.Path;
            file.Scalars(40, ("loss", 1));
            file.Scalars(50, ("loss", 1));
        }

        Assert.That(string.CompareOrdinal(first, second), Is.LessThan(0), "readers take the files by name");
        var events = Read(second);
        Assert.That(events.Select(record => Varint(record, 2)), Is.EqualTo(new[] { 0L, 31, 40, 50 }));
        Assert.That(Varint(Parse((byte[])One(events[1], 7)), 1), Is.EqualTo(1), "SessionLog.START");
    }

    private static List<List<(int Field, object Value)>> Read(string path)
    {
        var bytes = File.ReadAllBytes(path);
        var events = new List<List<(int, object)>>();
        for (var at = 0; at < bytes.Length;)
        {
            var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at));
            Assert.That(BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 8)), Is.EqualTo(Masked(bytes.AsSpan(at, 8))));
            Assert.That(BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at + 12 + length)), Is.EqualTo(Masked(bytes.AsSpan(at + 12, length))));
            events.Add(Parse(bytes[(at + 12)..(at + 12 + length)]));
            at += length + RecordWriter.Overhead;
        }

        return events;
    }

    private static List<(int Field, object Value)> Parse(byte[] bytes)
    {
        var fields = new List<(int, object)>();
        for (var at = 0; at < bytes.Length;)
        {
            var key = Next();
            switch (key & 7)
            {
                case 0: fields.Add(((int)(key >> 3), (long)Next())); break;
                case 1: fields.Add(((int)(key >> 3), BinaryPrimitives.ReadUInt64LittleEndian(bytes.AsSpan(at)))); at += 8; break;
                case 2:
                    var length = (int)Next();
                    fields.Add(((int)(key >> 3), bytes[at..(at + length)]));
                    at += length;
                    break;
                case 5: fields.Add(((int)(key >> 3), BinaryPrimitives.ReadUInt32LittleEndian(bytes.AsSpan(at)))); at += 4; break;
                default: throw new InvalidDataException($"wire type {key & 7}");
            }

            ulong Next()
            {
                var value = 0ul;
                for (var shift = 0; ; shift += 7)
                {
                    var part = bytes[at++];
                    value |= (ulong)(part & 127) << shift;
                    if (part < 128) return value;
                }
            }
        }

        return fields;
    }

    private static object One(List<(int Field, object Value)> message, int field) => message.Single(entry => entry.Field == field).Value;

    private static long Varint(List<(int Field, object Value)> message, int field) => (long)One(message, field);

    private static string Text(List<(int Field, object Value)> message, int field) => Encoding.UTF8.GetString((byte[])One(message, field));

    private static double Real(List<(int Field, object Value)> message, int field) => BitConverter.UInt64BitsToDouble((ulong)One(message, field));

    private static double[] Reals(List<(int Field, object Value)> message, int field)
    {
        var bytes = (byte[])One(message, field);
        return [.. Enumerable.Range(0, bytes.Length / 8).Select(i => BinaryPrimitives.ReadDoubleLittleEndian(bytes.AsSpan(8 * i)))];
    }

    private static uint Masked(ReadOnlySpan<byte> bytes)
    {
        var crc = Crc(bytes);
        return unchecked(((crc >> 15) | (crc << 17)) + 0xA282EAD8);
    }

    // One bit at a time.
    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? 0x82F63B78 ^ (crc >> 1) : crc >> 1;
        }

        return ~crc;
    }
}
