"""The games a generator and a discriminator can play, one paper per file."""

from tfgen import names
from tfgen.errors import UserError
from tfgen.games.base import Game, Judged
from tfgen.games.hinge import Hinge
from tfgen.games.least_squares import LeastSquares
from tfgen.games.minimax import Minimax, NonSaturating
from tfgen.games.relativistic import Relativistic
from tfgen.games.wasserstein import Wasserstein

__all__ = [
    "Game",
    "Hinge",
    "Judged",
    "LeastSquares",
    "Minimax",
    "NonSaturating",
    "Relativistic",
    "Wasserstein",
    "get",
]

GAMES = {
    "minimax": Minimax,
    "non_saturating": NonSaturating,
    "least_squares": LeastSquares,
    "wasserstein": Wasserstein,
    "hinge": Hinge,
    "relativistic": Relativistic,
}


def get(game):
    """Return a `Game`, or the one of that name with its paper's settings.

    Raises `UserError` for unknown names, and for games that lack a loss or could not be saved.
    """
    if isinstance(game, Game):
        for loss in ("discriminator_loss", "generator_loss"):
            if getattr(type(game), loss) is getattr(Game, loss):
                raise UserError(
                    f"{type(game).__name__} has no {loss}; define {loss}(self, real, fake)."
                )
        game.get_config()  # tells now what saving would
        return game
    if isinstance(game, type) and issubclass(game, Game):
        raise UserError(f"game is the class {game.__name__}; make one, {game.__name__}().")
    if not isinstance(game, str) or game not in GAMES:
        raise names.unknown("game", game, GAMES)
    return GAMES[game]()
