using System.Globalization;

namespace DeepNative.Recipes;

/// <summary>A recipe, or a text of one, that asks for something unknown or impossible; one clear line.</summary>
public sealed class RecipeException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">What was found and what is possible.</param>
    public RecipeException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception.</summary>
    /// <param name="message">What was found and what is possible.</param>
    /// <param name="inner">What it comes from.</param>
    public RecipeException(string message, Exception inner)
        : base(message, inner)
    {
    }

    /// <summary>Makes something of numbers that somebody typed.</summary>
    /// <typeparam name="T">What is made.</typeparam>
    /// <param name="name">Named in messages.</param>
    /// <param name="create">Makes it.</param>
    /// <returns>The thing.</returns>
    /// <exception cref="RecipeException">A number is outside its range.</exception>
    internal static T Checked<T>(string name, Func<T> create)
    {
        try
        {
            return create();
        }
        catch (ArgumentOutOfRangeException exception)
        {
            // The rest of the text is for programmers.
            var rule = exception.Message.Split(" (Parameter")[0];
            throw new RecipeException(
                string.Create(CultureInfo.InvariantCulture, $"{name}: {exception.ParamName} is {exception.ActualValue}, {rule}"), exception);
        }
        catch (ArgumentException exception)
        {
            throw new RecipeException($"{name}: {exception.Message.Split(" (Parameter")[0]}", exception);
        }
    }
}
