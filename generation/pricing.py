"""What a generation costs, worked out before anything is held."""

from dataclasses import dataclass

from generation.catalog import Model


@dataclass(frozen=True)
class Quote:
    """The price of `count` images, in whole credits."""

    model: str
    count: int
    price: int

    @property
    def credits(self) -> int:
        return self.price * self.count


def quote(*, model: Model, count: int) -> Quote:
    """The price of that many images of the model; the same for every ratio and with references."""
    return Quote(model=model.id, count=count, price=model.price)
