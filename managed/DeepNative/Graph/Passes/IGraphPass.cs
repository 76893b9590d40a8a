namespace DeepNative;

/// <summary>A change of a plan that keeps its results.</summary>
internal interface IGraphPass
{
    void Run(GraphPlan plan);
}
