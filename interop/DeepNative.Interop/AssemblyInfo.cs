using System.Runtime.CompilerServices;

// Everything that crosses the boundary is blittable, so calls need no marshalling stubs.
[assembly: DisableRuntimeMarshalling]
