using NUnit.Framework;

// One test at a time: several tests assert how much memory the process or the thread allocates.
[assembly: NonParallelizable]
[assembly: LevelOfParallelism(1)]
