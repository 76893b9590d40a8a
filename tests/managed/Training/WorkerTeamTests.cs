using DeepNative.Training;

namespace DeepNative.Tests.Training;

[TestFixture]
[CancelAfter(60_000)]
internal sealed class WorkerTeamTests
{
    [Test]
    public void Every_part_is_done_once([Values(1, 2, 5)] int workers)
    {
        var done = new int[1000];
        using var team = new WorkerTeam(workers, part => Interlocked.Increment(ref done[part]));
        for (var round = 1; round <= 200; round++)
        {
            team.Run(round);
            for (var part = 0; part < done.Length; part++) Assert.That(done[part], Is.EqualTo(Math.Max(0, round - part)));
        }

        team.Run(0);
    }

    [Test]
    public void All_threads_work_at_once()
    {
        using var meeting = new Barrier(4);
        using var team = new WorkerTeam(4, _ => meeting.SignalAndWait());
        team.Run(4);
        Assert.That(meeting.CurrentPhaseNumber, Is.EqualTo(1));
    }

    [Test]
    public void The_first_failure_comes_out_and_the_team_lives_on()
    {
        var bad = true;
        using var team = new WorkerTeam(3, part =>
        {
            if (bad && part >= 5) throw new IOException($"part {part}");
        });
        for (var round = 0; round < 100; round++) Assert.That(() => team.Run(100), Throws.TypeOf<IOException>().With.Message.EqualTo("part 5"));
        bad = false;
        team.Run(100);
    }

    [Test]
    public void A_round_allocates_nothing()
    {
        using var team = new WorkerTeam(2, static _ => { });
        for (var round = 0; round < 100; round++) team.Run(10);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var round = 0; round < 100; round++) team.Run(10);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
    }

    [Test]
    public void Disposal_ends_the_threads()
    {
        var team = new WorkerTeam(3, static _ => { });
        team.Run(3);
        team.Dispose();
        team.Dispose();
        Assert.That(() => team.Run(1), Throws.TypeOf<ObjectDisposedException>());
    }
}
